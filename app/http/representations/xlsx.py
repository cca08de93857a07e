"""The XLSX format: a list as a workbook, with the columns of CSV."""

from app.files import workbook
from app.files.listing import Job
from app.http.representations.representation import WritesFiles


class Xlsx(WritesFiles):
    """Writes a whole list as a sheet, and a sheet that says what the list is.

    Days are dates, the ids and the addresses of sources are links, and no text is run as a formula.
    """

    name = "xlsx"
    media_type = content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    suffix = "xlsx"
    is_table = True
    is_packed = True
    most = workbook.MOST_ROWS

    @property
    def job(self) -> Job:
        """The function that makes a workbook."""
        return workbook.write
