"""Find the notebook that the calling cell belongs to, in Colab and elsewhere."""

import json
import os
from pathlib import Path
from typing import Any

from IPython import get_ipython

from a3lib.errors import InputError
from a3lib.kit.source.documents import parsed_notebook

NAME_IT = 'call export_this_notebook(notebook="A3.ipynb") with its file'
COLAB_SECONDS = 60  # The page answers at once; a sleeping browser does not.


def in_a_notebook() -> bool:
    """Say whether this runs in a notebook's kernel, and not in a script or a terminal."""
    return getattr(get_ipython(), "kernel", None) is not None


def notebook_from_colab() -> Any:
    """Return the notebook as it is in Colab's page, or None outside Colab.

    Raises `InputError` where the page does not answer.
    """
    try:
        from google.colab import _message
    except ImportError:
        return None
    answer = _message.blocking_request("get_ipynb", timeout_sec=COLAB_SECONDS)
    try:
        return parsed_notebook(json.dumps(answer["ipynb"]), "this notebook")
    except (InputError, KeyError, TypeError) as error:  # Without an answer it is None.
        raise InputError(
            f"Colab did not hand over this notebook: run the cell again, or download it and "
            f"{NAME_IT}."
        ) from error


def notebook_in_use() -> Path:
    """Return the file of this notebook: what the editor says, or the only one in the folder.

    Raises `InputError` where there is none or more than one.
    """
    shell = get_ipython()
    editors = [
        shell.user_ns.get("__vsc_ipynb_file__") if shell else None,  # Visual Studio Code
        os.environ.get("JPY_SESSION_NAME"),  # Jupyter
    ]
    for name in filter(None, editors):
        if str(name).endswith(".ipynb") and Path(name).is_file():
            return Path(name)
    notebooks = sorted(Path().glob("*.ipynb"))
    if len(notebooks) == 1:
        return notebooks[0]
    count = f"{len(notebooks)} notebooks are" if notebooks else "No notebook is"
    raise InputError(f"{count} in this folder, so it is unclear which one this is: {NAME_IT}.")
