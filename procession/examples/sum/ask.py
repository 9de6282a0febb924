"""A program that has work done: submit, poll, journal, result, delete. Run it while `procession up` serves."""

import time

from procession import Client, Duplicate, QueueFull

SUMS = {f"Task{n:03}": list(range(1, n + 5)) for n in range(1, 9)}


def submit(client, key, numbers):
    """Submit one sum; as long as too many wait, wait a moment and try again."""
    told = False
    while True:
        try:
            client.submit("sum", key, inputs=numbers)
            return
        except QueueFull as error:
            if not told:
                print(f"{key}: {error}")
                told = True
            time.sleep(0.2)


def follow(client, key):
    """Ask how a sum stands until it has ended; return that state."""
    while True:
        status = client.status("sum", key)
        if status["ended"]:
            return status["state"]
        time.sleep(0.1)


with Client() as client:
    for key, numbers in SUMS.items():
        submit(client, key, numbers)
    try:
        client.submit("sum", "Task001")
    except Duplicate as error:
        print(error)

    for key in SUMS:
        print(key, follow(client, key), client.result("sum", key).json())

    print("what happened to Task001:")
    for line in client.journal("sum", "Task001")["items"]:
        print(" ", line["at"], line["noun"], line["verb"], line["reason"] or "")

    client.submit("sum", "wrong", inputs=[1, "two"])
    follow(client, "wrong")
    print("wrong:", client.status("sum", "wrong")["reason"])

    client.submit("statement", "March", params={"account": 17, "amounts": [100, -20, 5.5]})
    print("March:", client.wait("statement", "March", timeout=60)["state"], client.result("statement", "March").json())

    for key in (*SUMS, "wrong"):
        client.delete("sum", key)
    client.delete("statement", "March")
    print("deleted; the keys are free again")
