import numpy as np
import pandas as pd

a = np.arange(12).reshape(3, 4)
print((a @ a.T).tolist())
frame = pd.DataFrame({"team": list("abab"), "points": [1, 2, 3, 4]})
print(frame.groupby("team").points.sum().to_dict())
print(np.linalg.solve([[3.0, 1.0], [1.0, 2.0]], [9.0, 8.0]).round(6).tolist())
