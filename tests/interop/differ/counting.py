"""How many cases the running test has given to both; the summary of the run tells their sum."""
counts = []


def compared(number):
    counts.append(number)
