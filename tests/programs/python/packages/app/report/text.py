def table(rows):
    return "\n".join(f"{name:<8}{value:>8}" for name, value in rows)
