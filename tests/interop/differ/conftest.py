"""This folder is a package, for tests of other folders have the same names; its modules are found
by their names alone all the same."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
