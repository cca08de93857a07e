"""The entry point of `rapporteur` and of `python -m app`."""

import gc


def main() -> None:
    """Run the command.

    The commands are imported here, because worker processes import this module again, and need none of them. The garbage
    collector is off during the imports: imported objects stay in memory, so a collection would free nothing. Without
    collections, the start takes a fifth less time.
    """
    gc.disable()
    from app.cli import main as command  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    command()


if __name__ == "__main__":
    main()
