"""Close every descriptor, the channel included, and go on."""

import os
import time


def attack():
    os.closerange(0, 1000)
    time.sleep(1000)
