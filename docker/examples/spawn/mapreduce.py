"""mapreduce.py FILE...: how many words all files have. Each is counted by a process of its own, three at a time."""
import sys
from sysg import ask, how, receive, spawn


def count(file):
    with open(file) as f:
        ask('send', unit='parent', body=str(len(f.read().split())))


def reduce(files):
    running, total = {}, 0
    while files or running:
        while files and len(running) < 3:
            file = files.pop(0)
            running[spawn('python3', 'mapreduce.py', '--map', file)] = file
        for ended in ask('wait', unit=list(running), any=True)['rows']:
            words = int(receive(**{'from': ended['id'], 'type': 'msg', 'timeout_ns': 0})['body'])
            receive(**{'from': ended['id'], 'type': 'exit'})  # its result is not needed any more
            print(f"{running.pop(ended['id'])}: {words} words, {how(ended)}", flush=True)
            total += words
    print(f'total: {total}')


count(sys.argv[2]) if sys.argv[1] == '--map' else reduce(sys.argv[1:])
