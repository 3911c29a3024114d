"""Leaving with everything, and coming in with it: one layout for a folder and for a ZIP (docs/export.md).

What goes into an export is noted in one moment of the database (`plan`); its bytes are read afterwards, so
people go on working meanwhile. Reading trusts nothing that an export says of itself.
"""
