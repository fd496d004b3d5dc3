"""agents.py planner TOPIC...: an agent looks into each topic, and has two readers.

What they find travels up, each agent sends on what its own have sent. One that is stuck ends by its time to live, with
all below it, and that is told too.
"""
import sys
import time
from sysg import ask, how, receive, spawn


def gather(count):
    """What comes from that many children, until all of them have ended."""
    while count:
        message = receive()
        if message['kind'] == 'msg':
            yield message['body']
        else:
            count -= 1
            if message.get('code') != 0:
                yield f"{message['path'].split('/')[-1]} ended: {how(message)}"


def planner(*topics):
    for topic in topics:
        spawn('python3', 'agents.py', 'agent', topic, name=topic, ttl_ns=5 * 10**9)
    for line in gather(len(topics)):
        print(line, flush=True)


def agent(topic):
    for side in 'for', 'against':
        spawn('python3', 'agents.py', 'reader', side, topic, name=side)
    ask('send', unit='parent', body=f'{topic}: {" ".join(sorted(gather(2)))}')


def reader(side, topic):
    if topic == 'stuck':
        time.sleep(1000)
    ask('send', unit='parent', body=f'{side}-{topic}')


{'planner': planner, 'agent': agent, 'reader': reader}[sys.argv[1]](*sys.argv[2:])
