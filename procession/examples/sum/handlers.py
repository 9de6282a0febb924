"""What the tasks do. Plain functions: by hand they run too, see README.md."""

import time

import procession


def add_up(status, inputs):
    """Add up a sequence of numbers, each of which takes a moment."""
    total = 0
    for n, value in enumerate(inputs, 1):
        try:
            total += float(value)
        except (TypeError, ValueError):
            status.fail(f"the inputs must be numbers, and {value!r} is none")
            return
        status.progress(n / len(inputs), f"{n} of {len(inputs)}")
        time.sleep(0.05)
    status.message(f"added up {len(inputs)} numbers")
    status.store(total)


class Statement(procession.Task):
    """Book the amounts on an account, one after the other; the bank is busy once in a while."""

    account: int
    amounts: list
    booked: int = 0
    balance: float = 0.0
    refused: bool = False

    def process(self):
        while self.booked < len(self.amounts):
            if self.booked == 2 and not self.refused:
                self.refused = True
                raise procession.Retry("the bank is busy", after="1 s")
            self.balance += self.amounts[self.booked]
            self.booked += 1
        return {"account": self.account, "balance": self.balance}
