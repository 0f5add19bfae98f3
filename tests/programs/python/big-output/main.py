for n in range(50_000):
    print(f"{n:>9} {n * n:>12}")
