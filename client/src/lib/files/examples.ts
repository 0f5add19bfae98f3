// Programs to start from, a few for each language. Each runs as it is.

export interface Example {
  language: string;
  title: string;
  text: string;
  folder: string;
  entry: string;
  files: Record<string, string>;
  /** Its programs talk to each other. */
  network?: boolean;
  /** Files to open beside its entry. */
  opens?: string[];
}

export const EXAMPLES: Example[] = [
  {
    language: "python",
    title: "Guess the number",
    text: "Input, a loop, random numbers.",
    folder: "guess",
    entry: "guess.py",
    files: {
      "guess.py": `import random

secret = random.randint(1, 100)
print("I think of a number from 1 to 100.")
for tries in range(1, 100):
    answer = input("Your guess? ")
    if not answer.isdigit():
        print("A whole number, please.")
    elif int(answer) < secret:
        print("Larger.")
    elif int(answer) > secret:
        print("Smaller.")
    else:
        print(f"Right, after {tries} tries!")
        break
`,
    },
  },
  {
    language: "python",
    title: "Several files and data",
    text: "A module of one's own, and a CSV file.",
    folder: "marks",
    entry: "main.py",
    files: {
      "main.py": `import csv
from pathlib import Path

from statistics_of import summary

with open(Path(__file__).with_name("marks.csv")) as file:
    rows = list(csv.DictReader(file))

for subject in ("maths", "physics"):
    print(f"{subject:8}", summary([float(row[subject]) for row in rows]))
`,
      "statistics_of.py": `from statistics import mean, median


def summary(values):
    return f"mean {mean(values):.1f}, median {median(values):.1f}, best {max(values):.0f}"
`,
      "marks.csv": "name,maths,physics\nAda,95,88\nAlan,91,94\nGrace,89,97\nEdsger,98,90\n",
    },
  },
  {
    language: "python",
    title: "Two programs that talk",
    text: "A server and a client, each with its console: run the server, then the client.",
    folder: "talk",
    entry: "server.py",
    opens: ["client.py"],
    network: true,
    files: {
      "server.py": `import socket

with socket.create_server(("", 5000)) as server:
    print("listening on port 5000", flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            name = connection.recv(100).decode()
            print(f"{name} is here", flush=True)
            connection.sendall(f"Hello, {name}, this is the server.".encode())
`,
      "client.py": `import socket

# Programs of a session are one machine to each other; a program's file name is a name of it, too.
for host in ("localhost", "server"):
    with socket.create_connection((host, 5000)) as connection:
        connection.sendall(f"client by {host}".encode())
        print(connection.recv(100).decode())
`,
    },
  },
  {
    language: "python",
    title: "Progress and colours",
    text: "A progress bar that redraws itself, ANSI colours.",
    folder: "progress",
    entry: "progress.py",
    files: {
      "progress.py": `import time

STEPS = 40
for step in range(STEPS + 1):
    bar = "#" * step + "." * (STEPS - step)
    print(f"\\r\\033[36m[{bar}]\\033[0m {100 * step // STEPS:3}%", end="", flush=True)
    time.sleep(0.05)
print()
for color in range(31, 37):
    print(f"\\033[{color}mcolour {color}\\033[0m", end="  ")
print("\\n\\033[1;32mdone\\033[0m")
`,
    },
  },
  {
    language: "javascript",
    title: "Word count",
    text: "Reads lines until the end of input (Ctrl+D).",
    folder: "words",
    entry: "words.js",
    files: {
      "words.js": `const readline = require("node:readline");

console.log("Type some lines; Ctrl+D ends the input.");
const counts = new Map();
readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    for (const word of line.toLowerCase().match(/\\p{L}+/gu) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  })
  .on("close", () => {
    for (const [word, n] of [...counts].sort((a, b) => b[1] - a[1])) console.log(String(n).padStart(4), word);
  });
`,
    },
  },
  {
    language: "javascript",
    title: "Promises",
    text: "Several things at once, with async and await.",
    folder: "promises",
    entry: "main.js",
    files: {
      "main.js": `const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function cook(dish, ms) {
  console.log(\`\${dish}: on the stove\`);
  await wait(ms);
  console.log(\`\${dish}: ready after \${ms} ms\`);
  return dish;
}

Promise.all([cook("rice", 900), cook("lentils", 1200), cook("tea", 400)]).then((meal) => console.log("served:", meal.join(", ")));
`,
    },
  },
  {
    language: "java",
    title: "Two classes",
    text: "A program of two files.",
    folder: "shapes",
    entry: "Main.java",
    files: {
      "Main.java": `public class Main {
    public static void main(String[] args) {
        Circle[] circles = {new Circle(1), new Circle(2.5)};
        for (Circle circle : circles) {
            System.out.printf("%s has an area of %.2f%n", circle, circle.area());
        }
    }
}
`,
      "Circle.java": `public class Circle {
    private final double radius;

    public Circle(double radius) {
        this.radius = radius;
    }

    public double area() {
        return Math.PI * radius * radius;
    }

    @Override
    public String toString() {
        return "a circle of radius " + radius;
    }
}
`,
    },
  },
  {
    language: "cpp",
    title: "A header and two sources",
    text: "Compiled together, then run.",
    folder: "primes",
    entry: "main.cpp",
    files: {
      "main.cpp": `#include <iostream>

#include "primes.h"

int main() {
    std::cout << "Primes up to? " << std::flush;
    int limit = 0;
    if (!(std::cin >> limit)) {
        std::cerr << "a number is needed\\n";
        return 1;
    }
    for (int prime : primes_up_to(limit)) {
        std::cout << prime << ' ';
    }
    std::cout << '\\n';
}
`,
      "primes.h": `#pragma once
#include <vector>

std::vector<int> primes_up_to(int limit);
`,
      "primes.cpp": `#include "primes.h"

std::vector<int> primes_up_to(int limit) {
    std::vector<bool> composite(limit < 1 ? 1 : limit + 1);
    std::vector<int> primes;
    for (int n = 2; n <= limit; n++) {
        if (composite[n]) {
            continue;
        }
        primes.push_back(n);
        for (long m = static_cast<long>(n) * n; m <= limit; m += n) {
            composite[m] = true;
        }
    }
    return primes;
}
`,
    },
  },
  {
    language: "sql",
    title: "Tables and a join",
    text: "Made, filled and asked.",
    folder: "library",
    entry: "library.sql",
    files: {
      "library.sql": `CREATE TABLE authors (id INT PRIMARY KEY, name VARCHAR(40));
CREATE TABLE books (title VARCHAR(60), author_id INT, year INT);
INSERT INTO authors VALUES (1, 'Mary Shelley'), (2, 'Stanislaw Lem');
INSERT INTO books VALUES ('Frankenstein', 1, 1818), ('Solaris', 2, 1961), ('The Cyberiad', 2, 1965);

SELECT a.name, COUNT(*) AS books, MIN(b.year) AS first
FROM authors a JOIN books b ON b.author_id = a.id
GROUP BY a.name
ORDER BY first;
`,
    },
  },
];
