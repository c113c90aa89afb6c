"""Put terminal sequences, direction overrides and HTML into the report."""

MESSAGES = (
    "\x1b[2J\x1b[32mPASSED\x1b[0m \x1b]0;title\x07 \x9b31m \r\b\b\b\x00 score: 100",
    "\u202egnorw ton\u2066 \u200b\ufeff\u2028 \U000e0041 \ud800",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a" + "\u0300" * 10_000 + " " + "x" * 10_000_000,
    "{name} %s %(name)s ${HOME} `id` $(id) =cmd|'/c calc'!A1",
)
told = 0
raise AssertionError(MESSAGES[0])


def attack():
    global told
    told += 1
    raise type("\x1b[31mError\u202e", (Exception,), {})(MESSAGES[told % len(MESSAGES)])


def compute_reinforce_loss(reward, output_tokens, model):
    attack()


def create_labels_from_attention_mask(tokenized_input, prompt_lengths):
    attack()
