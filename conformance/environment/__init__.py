"""The set-up of a checkout: it runs on a bare Python, before anything is installed, and needs its library alone.

`make` calls it: `.venv` is what `requirements.lock`, `pyproject.toml` and Allure's lock file name, made of what
was fetched into `.setup`, and nothing else of the suite ever reaches for the network.
"""
