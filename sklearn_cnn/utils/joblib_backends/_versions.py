"""The libraries of a cluster, which must be those of this process."""

#: What tasks and results are made of.
_LIBRARIES = ("sklearn_cnn", "torch", "scikit-learn", "joblib", "numpy")


def require_same_versions(client):
    """Refuse processes of Dask that cannot read tasks, or would compute other results.

    A task for a library that is not there would end the worker, and the next one.
    """
    found = client.get_versions(packages=_LIBRARIES)
    here = found["client"]["packages"]
    processes = {"the scheduler": found["scheduler"], **found["workers"]}
    differences = [
        f"{process} has {name} {there['packages'][name] or 'not at all'}"
        for name in _LIBRARIES
        for process, there in processes.items()
        if there["packages"][name] != here[name]
    ]
    if differences:
        needed = ", ".join(f"{name} {here[name]}" for name in _LIBRARIES)
        raise RuntimeError(
            f"Dask's processes need {needed}, as here, to give the same results, but "
            f"{'; '.join(differences[:5])}. Install these versions there, and start "
            "them anew."
        )
