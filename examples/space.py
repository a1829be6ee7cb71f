"""A Space on the model hub: this file as app.py, beside it a run folder named "run"
and askattend's wheel, as `pip wheel --no-deps .` builds it.

requirements.txt needs one line: ./askattend-0.1.0-py3-none-any.whl[gradio]
"""

import sys

import askattend

if __name__ == "__main__":
    app = askattend.gradio_app(sys.argv[1] if len(sys.argv) > 1 else "run")
    app.launch()
