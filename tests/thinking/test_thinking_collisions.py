"""Sentences that nobody will ever reach are found before anybody says them."""

from agent.actions import Action, Choice, FreeText, Range
from agent.thinking.collisions import collisions


def action(name: str, *sentences: str, **slots) -> Action:
    return Action(name, "t", "p", slots=slots, sentences={"": sentences})


STATE = Choice({"on": "on", "off": "off"})


def test_what_is_a_command_already():
    (told,) = collisions([action("hush", "emergency stop", "(be|keep) quiet")], "en-US")
    assert told.startswith('actions: "be quiet" of "hush" is a command of the agent\'s own ("stop")')


def test_what_belongs_to_another_action():
    lights = action("light", "turn {state} the kitchen light", state=STATE)
    again = action("lamp", "[please] turn on the kitchen (light|lamp)", "turn on the lamp")
    (told,) = collisions([lights, again], "en")
    assert 'of "lamp" is a sentence of the action "light"' in told


def test_a_volume_of_ones_own():
    (told,) = collisions([action("radio", "volume {level}", level=Range(0, 30))], "en")
    assert "volume_set" in told


def test_what_does_not_collide():
    actions = [
        action("light", "turn {state} the kitchen light", state=STATE),
        action("note", "note {text}", text=FreeText(40)),
        action("blinds", "set the blinds to {level} percent", level=Range(0, 100)),
    ]
    assert list(collisions(actions, "en")) == []
    assert list(collisions([], "en")) == []
    assert list(collisions(actions, "xx")) == []
