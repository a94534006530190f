// What a person does at the door of the specialist's page: a name, then in without a microphone; ends with a picture.
async () => {
  const until = async (look) => {
    while (!look()) await new Promise((done) => setTimeout(done, 50));
    return look();
  };
  const name = await until(() => document.querySelector("input"));
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(name, "Dr Fox");
  name.dispatchEvent(new Event("input", { bubbles: true }));
  const join = () => [...document.querySelectorAll("button")].find((one) => one.textContent.includes("listening only"));
  (await until(join)).click();
  await until(() => document.querySelector("video")?.videoWidth > 0);
};
