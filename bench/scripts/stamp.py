import time

at = time.time()
with open("stamp", "w") as file:
    file.write(repr(at))
