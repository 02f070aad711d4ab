"""Techniques that narrow a gap among groups, judged on test rows beside the model as it was."""
