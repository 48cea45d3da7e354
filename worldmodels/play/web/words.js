// The words of the page that depend on the game and on the agent.

const OF_GAMES = {
  carracing: {
    title: "Drive in a dream",
    who: "At the wheel",
    watched: "has watched a car go round a track",
    keys: [["\u2190", "\u2192", "steer"], ["\u2191", "gas"], ["\u2193", "brake"]],
    pad: "across: steer \u00b7 up: gas \u00b7 down: brake",
  },
  takecover: {
    title: "Take cover in a dream",
    who: "Who plays",
    watched: "has watched a room full of monsters that throw fire",
    keys: [["\u2190", "\u2192", "go left and right"]],
    pad: "across: go left and right",
  },
};
const OF_OTHERS = {
  title: "Play in a dream",
  who: "Who plays",
  watched: "has watched a game",
  keys: [["\u2190", "\u2192", "\u2191", "\u2193", "play"]],
  pad: "drag to play",
};

function fillWords({ name, game, agent, dream, memory }, latents) {
  const words = OF_GAMES[game.name] || OF_OTHERS;
  byId("kicker").textContent = [game.title, name, scored(game, agent, dream)]
    .filter(Boolean).join(" \u00b7 ");
  byId("title").textContent = words.title;
  byId("lead").textContent =
    `A neural network ${words.watched}. It learnt to see each picture as ${latents} ` +
    "numbers, and to guess the numbers that come next. No game runs here: every " +
    "picture is its guess from the one before. The agent in it plays, until you do.";
  byId("who-title").textContent = words.who;
  byId("pad-text").textContent = words.pad;
  byId("screen").setAttribute("aria-label",
    `The dream. Keys: ${words.keys.map((key) => key.join(" ")).join(", ")}`);
  const others = [["M", "who plays"], ["space", "pause"], ["or drag in the picture"]];
  byId("keys").append(...[...words.keys, ...others].map(key));
  byId("outcome").hidden = !(memory.death || memory.reward);
  byId("outcome-name").textContent =
    memory.death ? "Chance that this step kills" : "Points it expects";
  byId("footer").textContent =
    "This page is one file, made by worldmodels play. It holds the whole agent, " +
    "computes everything itself, and asks no network for anything. After Ha & " +
    "Schmidhuber, World Models (2018).";
}

// What the agent had when it was chosen from among others.
function scored(game, { score }, { temperature }) {
  if (score === null) return "";
  const where = temperature === null ? "the game" : "its dream";
  return `${game.score} ${Math.round(score).toLocaleString("en")} in ${where}`;
}

// Keys with what they do.
function key(names) {
  const group = document.createElement("span");
  for (const name of names.slice(0, -1)) {
    const element = document.createElement("kbd");
    element.textContent = name;
    group.append(element, " ");
  }
  group.append(names[names.length - 1]);
  return group;
}
