import csv
import json
import pathlib
import sqlite3
import tempfile

with open("data/people.csv", newline="") as f:
    people = list(csv.DictReader(f))
out = pathlib.Path("out/deep")
out.mkdir(parents=True)
(out / "people.json").write_text(json.dumps(people))
print(json.loads((out / "people.json").read_text())[1]["name"])
base = sqlite3.connect(out / "people.db")
base.execute("create table people (name text, age int)")
base.executemany("insert into people values (:name, :age)", people)
base.commit()
print(base.execute("select sum(age), count(*) from people").fetchone())
with tempfile.TemporaryFile() as f:
    f.write(bytes(range(256)))
    f.seek(128)
    print(len(f.read()))
print(sorted(str(p) for p in pathlib.Path(".").rglob("*") if p.is_file()))
