"""What the agent says of the user's own actions, by language (`agent.dialogue.phrases` falls back on English)."""

from __future__ import annotations

EN = {
    "action_done": "Done.",
    "action_failed": "Sorry, that didn't get through, so nothing was done.",
    "action_unsure": "Sorry, I got no confirmation, so I don't know whether that worked.",
}

DE = {
    "action_done": "Erledigt.",
    "action_failed": "Entschuldigung, das kam nicht an, es ist nichts geschehen.",
    "action_unsure": "Entschuldigung, ich habe keine Bestätigung und weiß nicht, ob das geklappt hat.",
}

KO = {
    "action_done": "완료했습니다.",
    "action_failed": "죄송합니다. 전달되지 않아 아무것도 하지 않았습니다.",
    "action_unsure": "죄송합니다. 확인을 받지 못해 되었는지 알 수 없습니다.",
}
