#!/usr/bin/env python3
"""Fills @COMMANDS@ of a page with what the program says of itself: commands.py PROGRAM PAGE OUTPUT."""
import pathlib
import re
import subprocess
import sys

program, page, output = sys.argv[1:]


def told(*words):
    return subprocess.run([program, 'help', *words], check=True, capture_output=True, text=True).stdout


def section(name):
    summary, usage, options = re.fullmatch(r'sysg \S+ - (.*)\n\nusage: (.*)\n\noptions:\n(.*)', told(name), re.S).groups()
    return f'## {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n```\n{usage}\n\n{options.rstrip()}\n```'


names = re.findall(r'^  ([a-z]+) ', told(), re.M)
text = pathlib.Path(page).read_text().replace('@COMMANDS@', '\n\n'.join(map(section, names)))
pathlib.Path(output).write_text(text)
