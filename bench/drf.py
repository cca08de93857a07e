"""Django REST framework: a model, a serializer of its fields, a view set with filters and pages; flat rows."""

import os
from typing import Any

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCH_URL"], "CONN_MAX_AGE": None}},
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - Django wants its settings first
from django.db import models  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import pagination, routers, serializers, viewsets  # noqa: E402

_TEXTS = (
    "created_at updated_at name type series_id part_of_id date date_note date_start date_end city country_id venue format "
    "status theme summary attendance_qualifier language participants_coverage"
)
_NUMBERS = "version ordinal attendance"


class Meeting(models.Model):
    """A row of the table."""

    id = models.TextField(primary_key=True)
    locals().update({name: models.TextField(null=True) for name in _TEXTS.split()})
    locals().update({name: models.IntegerField(null=True) for name in _NUMBERS.split()})

    class Meta:
        """Where the rows are; the product makes the table."""

        app_label = "bench"
        db_table = "meetings"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class Serializer(serializers.ModelSerializer):
    """All fields."""

    class Meta:
        """Of a meeting."""

        model = Meeting
        fields = "__all__"


class Pages(pagination.LimitOffsetPagination):
    """Without counting, which the others do not do either."""

    def get_count(self, queryset: Any) -> int:
        """As if there were always more."""
        return 2**31


class Meetings(viewsets.ReadOnlyModelViewSet):
    """Records and pages."""

    serializer_class = Serializer
    pagination_class = Pages

    def get_queryset(self) -> Any:
        """By country and dates, the newest first."""
        found = Meeting.objects.order_by("-date_start", "-id")
        for name, field in (("country", "country_id"), ("date_from", "date_end__gte"), ("date_to", "date_start__lte")):
            if value := self.request.query_params.get(name):
                found = found.filter(**{field: value})
        return found


router = routers.SimpleRouter(trailing_slash=False)
router.register("meetings", Meetings, basename="meeting")
urlpatterns = [path("v1/", include(router.urls))]
app = get_asgi_application()
