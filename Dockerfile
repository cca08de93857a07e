# A small image: wheels are installed in one stage, the second holds the environment and the registry, run by nobody special.
FROM python:3.13-slim AS build
WORKDIR /srv
RUN python -m venv /srv/.venv
ENV PATH=/srv/.venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN pip install --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY app app
COPY migrations migrations
COPY seed seed
RUN pip install --no-build-isolation --no-deps --editable . && python -m compileall -q app migrations

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /srv rapporteur && install -d -o rapporteur /srv/var
COPY --from=build /srv /srv
WORKDIR /srv
USER rapporteur
ENV PATH=/srv/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RAPPORTEUR_DATABASE_URL=sqlite:////srv/var/rapporteur.db \
    RAPPORTEUR_HOST=0.0.0.0
VOLUME /srv/var
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('RAPPORTEUR_PORT', '8000') + '/readyz', timeout=2)"]
CMD ["sh", "-c", "rapporteur migrate && rapporteur import --if-empty seed && exec rapporteur serve"]
