import gc

import pytest


@pytest.fixture(autouse=True, scope="package")
def older_objects_are_not_collected():
    """Every measured fit collects garbage first; that takes 0.2 s with all of torch."""
    gc.freeze()
    yield
    gc.unfreeze()
