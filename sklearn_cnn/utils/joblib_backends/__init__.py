"""joblib's backends for clusters, so that a search gets through them whole."""

from importlib import import_module

from joblib import register_parallel_backend


def register_dask():
    """Make joblib's backend "dask" survive what befalls its workers.

    ``joblib.parallel_config(backend="dask")`` then takes the same options and gives
    the same results as before, and

    - where a worker dies and takes data with it, sends them anew and has its tasks done
      again, up to three times each;
    - raises what fails outside of a task, such as what cannot be pickled, where
      joblib's own backend waits for good;
    - refuses a scheduler and workers that have other versions of sklearn_cnn, torch,
      scikit-learn, joblib or numpy than this process.

    Raises
    ------
    ImportError
        If dask is not installed (``pip install 'sklearn_cnn[dask]'``).

    See Also
    --------
    register_ray : The same for Ray.

    Notes
    -----
    What one worker alone holds, such as an array that was sent to it, dies with it.
    Dask does its own tasks again, but cannot make such data anew; this side can, as it
    still has the array. Searches inside of tasks, on a worker, use joblib's own.

    Examples
    --------
    >>> from sklearn_cnn.utils.joblib_backends import register_dask
    >>> register_dask()  # doctest: +SKIP
    """
    register_parallel_backend("dask", _backend("dask").DaskBackend)


def register_ray():
    """Make joblib's backend "ray", and send every array to Ray once.

    In place of ``ray.util.joblib.register_ray``, whose backend gives the same results,
    but pickles all arguments anew for each task where joblib is newer than 1.2. Here an
    array, table or ImageFiles is put into Ray's object store once for a call of joblib,
    such as one search, and the processes of a machine read an array there without
    copying it. Without ``n_jobs`` all CPUs of the cluster work.

    Raises
    ------
    ImportError
        If Ray is not installed (``pip install 'sklearn_cnn[ray]'``).

    See Also
    --------
    register_dask : The same for Dask.

    Examples
    --------
    >>> from sklearn_cnn.utils.joblib_backends import register_ray
    >>> register_ray()  # doctest: +SKIP
    """
    register_parallel_backend("ray", _backend("ray").RayBackend)


def _backend(name):
    try:
        return import_module(f"{__name__}._{name}")
    except ImportError as error:
        raise ImportError(
            f"The joblib backend {name!r} needs {name}: pip install "
            f"'sklearn_cnn[{name}]' on this machine and on all workers."
        ) from error
