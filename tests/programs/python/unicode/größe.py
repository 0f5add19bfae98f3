def λ(x):
    return x.upper()
