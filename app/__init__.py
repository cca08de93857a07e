"""Rapporteur: the system of record for international cooperation in ICT."""

__version__ = "0.1.0"
DATA_LICENCE = "CC-BY-4.0"
"""The licence under which the registry's facts may be used, SPDX."""
API_PATH = "/v1"
"""The path under which the API is. The pages for people have the same paths without it."""
