"""CartPole and Acrobot in compiled code: gymnasium's arithmetic in gymnasium's order, so that every bit is the same.

The dynamics are those of Barto, Sutton and Anderson (1983) and of Sutton (1996). A state is four float64 numbers, as
gymnasium's environments keep it; agents see an observation in float32. How an episode begins is drawn outside.
"""

from __future__ import annotations

import math

from setups.autorl.compiled import part

CARTPOLE, ACROBOT = 1, 2

_GRAVITY = 9.8
_POLE_MASS = 0.1
_TOTAL_MASS = 0.1 + 1.0
_HALF_LENGTH = 0.5
_POLE_MOMENT = _POLE_MASS * _HALF_LENGTH
_FORCE = 10.0
_TAU = 0.02  # seconds
_WIDEST_ANGLE = 12 * 2 * math.pi / 360
_FARTHEST = 2.4

_DT = 0.2  # seconds
_FASTEST_1, _FASTEST_2 = 4 * math.pi, 9 * math.pi


@part
def control_step(kind, state, action, observation, scratch, two):
    """One step of the environment `kind`, in place.

    Parameters
    ----------
    kind : int
        ``CARTPOLE`` or ``ACROBOT``.
    state : float64 (4,)
        Positions and velocities.
    action : int
    observation : float32 (state size,)
        What the agent sees afterwards.
    scratch : float64 (6, 4)
        Of Acrobot's integration.
    two : float
        2.0. gymnasium squares by the C library's power, which a compiler that knew the exponent would replace by a
        product; that differs in the last bit now and then.

    Returns
    -------
    (float, bool)
        The reward, and whether the episode has terminated.
    """
    if kind == CARTPOLE:
        return _cartpole(state, action, observation)
    return _acrobot(state, action, observation, scratch, two)


@part
def _cartpole(state, action, observation):
    x, x_dot, theta, theta_dot = state[0], state[1], state[2], state[3]
    force = _FORCE if action == 1 else -_FORCE
    cosine, sine = math.cos(theta), math.sin(theta)
    push = (force + _POLE_MOMENT * (theta_dot * theta_dot) * sine) / _TOTAL_MASS
    turn = (_GRAVITY * sine - cosine * push) / (
        _HALF_LENGTH * (4.0 / 3.0 - _POLE_MASS * (cosine * cosine) / _TOTAL_MASS)
    )
    pull = push - _POLE_MOMENT * turn * cosine / _TOTAL_MASS
    state[0] = x + _TAU * x_dot
    state[1] = x_dot + _TAU * pull
    state[2] = theta + _TAU * theta_dot
    state[3] = theta_dot + _TAU * turn
    for k in range(4):
        observation[k] = state[k]
    fallen = abs(state[0]) > _FARTHEST or abs(state[2]) > _WIDEST_ANGLE
    return 1.0, fallen


@part
def _acrobot(state, action, observation, scratch, two):
    """A step of the classical Runge-Kutta method of fourth order; positions wrap, velocities are bounded."""
    torque = float(action) - 1.0
    between, k1, k2, k3, k4 = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    _acrobot_slopes(state, torque, k1, two)
    for slopes, next_slopes, share in ((k1, k2, _DT / 2.0), (k2, k3, _DT / 2.0), (k3, k4, _DT)):
        for k in range(4):
            between[k] = state[k] + share * slopes[k]
        _acrobot_slopes(between, torque, next_slopes, two)
    for k in range(4):
        state[k] = state[k] + _DT / 6.0 * (k1[k] + 2.0 * k2[k] + 2.0 * k3[k] + k4[k])
    state[0], state[1] = _wrapped(state[0]), _wrapped(state[1])
    state[2] = min(max(state[2], -_FASTEST_1), _FASTEST_1)
    state[3] = min(max(state[3], -_FASTEST_2), _FASTEST_2)
    observation[0], observation[1] = math.cos(state[0]), math.sin(state[0])
    observation[2], observation[3] = math.cos(state[1]), math.sin(state[1])
    observation[4], observation[5] = state[2], state[3]
    up = -math.cos(state[0]) - math.cos(state[1] + state[0]) > 1.0
    return (0.0 if up else -1.0), up


@part
def _acrobot_slopes(s, torque, slopes, two):
    """The derivatives of the state `s`. Both links have mass 1, length 1, centre 0.5 and moment of inertia 1."""
    theta1, theta2, speed1, speed2 = s[0], s[1], s[2], s[3]
    cosine2, sine2 = math.cos(theta2), math.sin(theta2)
    d1 = 0.25 + (1.25 + cosine2) + 1.0 + 1.0
    d2 = (0.25 + 0.5 * cosine2) + 1.0
    phi2 = 0.5 * _GRAVITY * math.cos(theta1 + theta2 - math.pi / 2.0)
    phi1 = (
        -0.5 * math.pow(speed2, two) * sine2
        - 2 * 0.5 * speed2 * speed1 * sine2
        + (0.5 + 1.0) * _GRAVITY * math.cos(theta1 - math.pi / 2)
        + phi2
    )
    bend = (torque + d2 / d1 * phi1 - 0.5 * math.pow(speed1, two) * sine2 - phi2) / (
        0.25 + 1.0 - math.pow(d2, two) / d1
    )
    slopes[0], slopes[1] = speed1, speed2
    slopes[2], slopes[3] = -(d2 * bend + phi1) / d1, bend


@part
def _wrapped(angle):
    while angle > math.pi:
        angle = angle - (math.pi - -math.pi)
    while angle < -math.pi:
        angle = angle + (math.pi - -math.pi)
    return angle
