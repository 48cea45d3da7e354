// A picture of the visitor's own, for V to look at: chosen, or dropped on the page.

// Call `seen(canvas, words)` with every such picture, `size` pixels wide and high, and
// `failed(words)` with what was none.
function listenToPictures(size, seen, failed) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";

  async function take(file) {
    let picture;
    try {
      picture = await createImageBitmap(file);
    } catch {
      failed(`${file.name} is no picture that this browser can read.`);
      return;
    }
    const side = Math.min(picture.width, picture.height); // the square in its middle
    const left = (picture.width - side) / 2;
    const top = (picture.height - side) / 2;
    context.fillStyle = "#fff"; // where it is transparent
    context.fillRect(0, 0, size, size);
    context.drawImage(picture, left, top, side, side, 0, 0, size, size);
    seen(canvas, file.name);
  }

  const file = byId("file");
  byId("own").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) take(file.files[0]);
    file.value = ""; // so that the same one can be chosen again
  });
  const holdsFile = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (holdsFile(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault(); // else the browser leaves the page for it
    take(event.dataTransfer.files[0]);
  });
}
