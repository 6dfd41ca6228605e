// A description in a file: dropped on the page or chosen, its text goes into the question box, where it is seen and
// edited before it is sent. Below the box stands what came of it, and when there is more than is read of a message.
(() => {
  const box = () => document.querySelector("#question textarea");
  const place = () => document.querySelector("#attach .attach");
  const said = () => place().querySelector(".said");
  const number = (count) => count.toLocaleString("en");

  function say(words) {
    if (said().textContent !== words) said().textContent = words;
  }

  // What is in the box already stays before it.
  function put(text) {
    const before = box().value.trimEnd();
    box().value = before ? `${before}\n\n${text}` : text;
    box().dispatchEvent(new Event("input", { bubbles: true }));
    box().focus();
  }

  async function text(file) {
    if (file.size > Number(place().dataset.bytes))
      throw new Error(`${file.name} has more than ${place().dataset.bytes / 1e6} MB. Paste the part about your project instead.`);
    const sent = fetch(`/api/read?name=${encodeURIComponent(file.name)}`, {
      method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
    const answer = await sent.catch(() => { throw new Error(`${file.name} was not sent. Look at your connection, then choose it again.`); });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told.text;
  }

  async function read(files) {
    for (const file of files) {
      say(`Reading ${file.name} …`);
      try {
        const found = await text(file);
        put(found);
        say(`${file.name} is in the box above, ${number(found.length)} characters: look through it, then send it.`);
        weigh();
      } catch (error) {
        say(error.message);
        return;
      }
    }
  }

  let over = false;
  function weigh() {
    const most = Number(place().dataset.characters), length = box().value.length;
    if (length > most) say(`The box holds ${number(length)} characters, and at most ${number(most)} are read of one message. Keep the part that describes your project.`);
    else if (over) say("");
    over = length > most;
  }

  const carries = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const marked = (on) => document.getElementById("talk")?.classList.toggle("dropping", on);
  // Without this the browser would leave the page for the file, and with it whatever is typed.
  addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); marked(true); } }, true);
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) marked(false); }, true);
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.stopPropagation();
    marked(false);
    if (place()) read([...event.dataTransfer.files]);
  }, true);
  addEventListener("change", (event) => {
    if (!event.target.matches("#attach input")) return;
    read([...event.target.files]);
    event.target.value = "";
  });
  addEventListener("input", (event) => { if (event.target === box() && place()) weigh(); });
})();
