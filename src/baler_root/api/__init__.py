"""Whole files: one public function per module, and the steps and options that they share."""
