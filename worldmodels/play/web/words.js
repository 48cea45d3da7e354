// The words of the page that depend on the game and on the agent.

const OF_GAMES = {
  carracing: {
    title: "Drive in a dream",
    who: "At the wheel",
    watched: "has watched a car go round a track",
    scored: (score) => `${score} points`,
  },
  takecover: {
    title: "Take cover in a dream",
    who: "Who plays",
    watched: "has watched a room full of monsters that throw fire",
    scored: (score) => `${score} steps survived`,
  },
};
const OF_OTHERS = {
  title: "Play in a dream",
  who: "Who plays",
  watched: "has watched a game",
  scored: (score, words) => `${words} ${score}`,
};

// The ways to go, as arrow keys and in words.
const WAYS = {
  left: { keys: ["\u2190"], words: "left" },
  right: { keys: ["\u2192"], words: "right" },
  up: { keys: ["\u2191"], words: "up" },
  down: { keys: ["\u2193"], words: "down" },
  across: { keys: ["\u2190", "\u2192"], words: "across" },
  along: { keys: ["\u2191", "\u2193"], words: "up and down" },
};

// Return what a person can do: [way, the action's name]; see wheel.js.
function waysOf({ actions, discrete }) {
  const few = actions.length === 2;
  const choices = few ? ["left", "right"] : ["", "left", "up", "right", "down"];
  const ways = discrete ? choices : rolesOf(actions);
  return actions.map(({ name }, n) => [WAYS[ways[n]], name]).filter(([way]) => way);
}

function fillWords({ name, game, agent, dream, memory }, latents) {
  const words = OF_GAMES[game.name] || OF_OTHERS;
  const title = game.title.replace(/^.*[:/]/, ""); // of an id without where it is
  byId("kicker").textContent = [title, name, selected(game, agent, dream)]
    .filter(Boolean).join(" \u00b7 ");
  byId("title").textContent = words.title;
  byId("lead").textContent =
    `A neural network ${words.watched}. It learnt to see each picture as ${latents} ` +
    "numbers, and to guess the numbers that come next. No game runs here: every " +
    "picture is its guess from the one before. The agent in it plays, until you do.";
  byId("who-title").textContent = words.who;
  const ways = waysOf(game);
  byId("pad-text").textContent =
    ways.map(([way, action]) => `${way.words}: ${action}`).join(" \u00b7 ");
  const keys = ways.map(([way, action]) => [...way.keys, action]);
  byId("screen").setAttribute("aria-label",
    `The dream. Keys: ${keys.map((key) => key.join(" ")).join(", ")}`);
  const others = [["M", "who plays"], ["space", "pause"], ["or drag in the picture"]];
  byId("keys").append(...[...keys, ...others].map(key));
  for (const head of ["death", "reward"]) byId(head).hidden = !memory[head];
  byId("footer").textContent =
    "This page is one file, made by worldmodels play. It holds the whole agent, " +
    "computes everything itself, and asks no network for anything. After Ha & " +
    "Schmidhuber, World Models (2018).";
}

// A score in words.
function gained(game, score) {
  const number = Math.round(score).toLocaleString("en").replace("-", "\u2212");
  return (OF_GAMES[game.name] || OF_OTHERS).scored(number, game.score);
}

// What the agent had when it was chosen from among others.
function selected(game, { score }, { temperature }) {
  if (score === null) return "";
  return `${gained(game, score)} in ${temperature === null ? "the game" : "its dream"}`;
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
