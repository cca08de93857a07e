"""Rapporteur: the system of record for international cooperation in ICT."""

__version__ = "0.1.0"
