"""Anybody's answers: results files, their scores, and two systems compared."""
