"""Surroundings of the program: the home folder, the version, who reads its output, packed runs."""
