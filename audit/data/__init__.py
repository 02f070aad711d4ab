"""Tables and images become one :class:`~audit.data.dataset.Dataset`; nothing is read in two ways."""
