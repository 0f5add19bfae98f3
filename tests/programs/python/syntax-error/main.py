print("never seen")
if True
    print("no colon")
