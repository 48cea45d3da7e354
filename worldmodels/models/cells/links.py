"""The DNC's temporal links, with a backward pass that keeps the links of before alone.

They are N x N numbers a sequence, more than all the rest of the state, and every pass
over them counts. XLA on a CPU reads them along the other axis, at three times the cost,
where it may join a product with a transpose: hence the barriers.
"""

import jax
import jax.numpy as jnp

from worldmodels.models.cells.addressing import few, made
from worldmodels.models.precision import alone


@jax.custom_vjp
def follow(
    link: jax.Array,
    kept: jax.Array,
    precedence: jax.Array,
    write: jax.Array,
    read: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the links after a write, and where they lead from what was read.

    L[i, j], how much slot i was written right after slot j, is
    (1 - w_i - w_j) L'[i, j] + w_i p'_j, and 0 where i = j. Backward is L^T w_r, forward
    L w_r.

    Args:
        link: L' [..., N, N] before the write, with diagonal 0.
        kept: [...] 1, or 0 where all links of before are to be forgotten.
        precedence: p' [..., N] before the write.
        write: w [..., N], its weighting.
        read: w_r [..., R, N] weightings of the step before.

    Returns:
        L [..., N, N], backward [..., R, N] and forward [..., R, N].
    """
    return _forward(link, kept, precedence, write, read)[0]


def _share(kept: jax.Array, lost: jax.Array) -> jax.Array:
    """Return how much of L' stays, [..., N, N]; lost [..., N] is of its writes."""
    return (kept[..., None] - lost)[..., :, None] - lost[..., None, :]


def _off(slots: jax.Array) -> jax.Array:
    """Return 1, and 0 on the diagonal, [..., N, N], of the numbers of slots [..., N].

    These are `made`: XLA would keep an N x N array of constants for each sequence.
    """
    differ = slots[..., :, None] != slots[..., None, :]
    return differ.astype(slots.dtype)


def _numbers(like: jax.Array) -> jax.Array:
    """Return the numbers of slots [..., N]."""
    return jnp.broadcast_to(jnp.arange(like.shape[-1], dtype=like.dtype), like.shape)


def _turned(x: jax.Array) -> jax.Array:
    """Return x with its last axes swapped, as an array of its own."""
    return alone(jnp.swapaxes(alone(x), -1, -2))


def _forward(link, kept, precedence, write, read):
    before = link
    lost, w, p, slots = made(
        kept[..., None] * write, write, precedence, _numbers(write)
    )
    link = _share(kept, lost) * link + w[..., :, None] * p[..., None, :]
    link = alone(link * _off(slots))
    backward, forward = read @ link, _turned(link @ _turned(read))
    return (link, backward, forward), (before, kept, precedence, write, read)


def _backward(saved, gradients):
    backward = _backward_of_few if few(saved[-1]) else _backward_of_many
    return backward(saved, gradients)


def _backward_of_few(saved, gradients):
    """Return the gradients in few operations: each costs more than its work."""
    link, kept, p, w, read = saved
    dlink, db, df = gradients
    kept_k, off = kept[..., None, None], 1 - jnp.eye(p.shape[-1], dtype=p.dtype)
    turned = jnp.swapaxes(jnp.concatenate([read, df], axis=-2), -1, -2)
    dlink = off * (dlink + turned @ jnp.concatenate([db, read], axis=-2))
    share = _share(kept, kept[..., None] * w)
    after = off * (share * link + w[..., :, None] * p[..., None, :])
    dread = db @ jnp.swapaxes(after, -1, -2) + df @ after
    before = kept_k * link
    dwrite = (dlink * (p[..., None, :] - before)).sum(-1) - (dlink * before).sum(-2)
    return share * dlink, None, (w[..., None] * dlink).sum(-2), dwrite, dread


def _backward_of_many(saved, gradients):
    link, kept, p, w, read = saved
    dlink, db, df = gradients
    # With G = dlink + sum_k (read_k db_k^T + df_k read_k^T) and 0 on the diagonal, the
    # gradients are sums over G, over G * L' and G (1 - w_i - w_j). The sums are taken
    # part by part, so that G itself is never there.
    w_k, p_k, kept_k = w[..., None, :], p[..., None, :], kept[..., None, None]
    columns = jnp.concatenate([db, read, w_k * db], axis=-2)
    along = _turned(link @ _turned(columns))
    link_db, link_read, link_wdb = jnp.split(along, 3, axis=-2)
    rows = jnp.concatenate([read, df, w_k * df], axis=-2) @ link
    read_link, df_link, wdf_link = jnp.split(rows, 3, axis=-2)

    both, ones = dlink * link, jnp.ones_like(p_k)
    of_links = (both @ jnp.ones_like(p)[..., None])[..., 0] + (ones @ both)[..., 0, :]
    of_links += (read * link_db + df * link_read).sum(-2)
    of_links += (db * read_link + read * df_link).sum(-2)

    def dot(x, y):
        return (x * y).sum(-1, keepdims=True)

    diagonal = jnp.diagonal(dlink, axis1=-2, axis2=-1)
    by_p = (dlink @ p[..., None])[..., 0] - diagonal * p
    by_p += (read * (dot(db, p_k) - db * p_k)).sum(-2)
    by_p += (df * (dot(read, p_k) - read * p_k)).sum(-2)
    by_w = (w_k @ dlink)[..., 0, :] - diagonal * w
    by_w += ((dot(read, w_k) - read * w_k) * db).sum(-2)
    by_w += ((dot(df, w_k) - df * w_k) * read).sum(-2)

    dread = kept_k * ((1 - w_k) * (link_db + df_link) - link_wdb - wdf_link)
    dread += w_k * (dot(db, p_k) - p_k * db) + p_k * (dot(df, w_k) - w_k * df)
    dwrite = by_p - kept[..., None] * of_links

    # With what was summed over dlink, which is then changed where it is.
    heads = [jnp.moveaxis(x, -2, 0) for x in (read, db, df)]
    lost, slots, dwrite, by_w, *rows = made(
        kept[..., None] * w, _numbers(w), dwrite, by_w, *heads[0], *heads[1], *heads[2]
    )
    count = read.shape[-2]
    for read, db, df in zip(
        rows[:count], rows[count:-count], rows[-count:], strict=True
    ):
        dlink += read[..., :, None] * db[..., None, :]
        dlink += df[..., :, None] * read[..., None, :]
    return _share(kept, lost) * dlink * _off(slots), None, by_w, dwrite, dread


follow.defvjp(_forward, _backward)
