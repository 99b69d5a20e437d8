"""The optimizer and the learning-rate schedule of a training."""

import keras


def make_optimizer(config, steps):
    average = {}
    if config.weight_average:
        average = {"use_ema": True, "ema_momentum": config.weight_average}
    rate = _learning_rate(config, steps)
    if not config.weight_decay:
        return keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm, **average)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm, **average
    )
    # Decay holds back what multiplies; offsets and normalisation have nothing to overfit with.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _learning_rate(config, steps):
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(config.learning_rate, steps * config.epochs)
    if config.schedule == "warmup_cosine":
        rise = max(1, steps // 2)
        return keras.optimizers.schedules.CosineDecay(
            0.0,
            steps * config.epochs - rise,
            warmup_target=config.learning_rate,
            warmup_steps=rise,
        )
    return config.learning_rate
