"""What can be seen in tables before any model: copies, drift, proxies, leaks, doubtful labels."""
