"""A Dask worker that trains small networks, in a process forked from one with TensorFlow loaded."""

import asyncio
from functools import partial

from distributed import Worker


def shrink_networks(models):
    """Make the poster's networks so small that they train in no time."""
    models.poster_network = partial(
        models.poster_network, convolution_widths=((8,), (16,)), dense_widths=(32,)
    )


def work(address):
    """Work for the scheduler at this address until it is gone."""
    import tensorflow as tf

    from posekit.models import poster

    shrink_networks(poster)
    # Making the graphs of so small a network takes longer than training it.
    tf.config.run_functions_eagerly(True)
    asyncio.run(_serve(address))


async def _serve(address):
    async with Worker(address, nthreads=1, dashboard=False) as worker:
        await worker.finished()
