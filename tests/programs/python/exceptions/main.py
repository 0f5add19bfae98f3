import contextlib


class Broken(Exception):
    pass


def careful(n):
    try:
        if n == 0:
            raise Broken("zero")
        return 10 / (n - 1)
    except ZeroDivisionError as e:
        raise Broken("one") from e
    finally:
        print("finally", n)


for n in range(3):
    try:
        print(careful(n))
    except Broken as e:
        print(f"{e} because of {e.__cause__!r}")
with contextlib.suppress(KeyError):
    {}["nothing"]
try:
    raise ExceptionGroup("two", [ValueError(1), TypeError(2)])
except* ValueError as group:
    print("values", len(group.exceptions))
except* TypeError as group:
    print("types", len(group.exceptions))
