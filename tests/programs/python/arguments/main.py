import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("names", nargs="+")
parser.add_argument("--times", type=int, default=1)
args = parser.parse_args()
print(args.names * args.times)
print(os.environ["GREETING"], os.environ.get("EMPTY") == "", os.getcwd())
