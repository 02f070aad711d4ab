"""What an audit says, and how it is shown.

:mod:`reports.record` holds every type of the document, :mod:`reports.store` reads and writes it, and
each format is one module with ``render(record) -> str``; :mod:`reports.formats` lists them. Nothing
here needs the model, the rows, or a library of numbers.
"""
