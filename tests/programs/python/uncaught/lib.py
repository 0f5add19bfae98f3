def fall():
    raise ValueError("not a number: ñ")
