import unicodedata
from größe import λ

words = ["naïve", "日本語", "🎈🧑‍🚀", "ـالعربية", "e\u0301"]
for word in words:
    print(word, len(word), len(word.encode()))
print(unicodedata.normalize("NFC", words[-1]) == "é", λ("ß"))
with open("дата/файл.txt", encoding="utf-8") as f:
    print(f.read().strip())
