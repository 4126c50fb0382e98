"""The set-up of a checkout: it runs on a bare Python, before anything is installed.

`make` calls it: `.venv` holds what `requirements.lock`, `pyproject.toml` and Allure's lock file name. It is
made of what was fetched into `.setup`, and nothing else of the suite ever reaches for the network.
"""
