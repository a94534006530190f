import { expect, test } from "vitest";
import { chooseLayout } from "../../src/live/layout";

test.each([
  [1280, 800, 4 / 3, "rail"], [1920, 1080, 4 / 3, "rail"], [390, 844, 4 / 3, "stack"], [768, 1024, 4 / 3, "stack"], [844, 390, 4 / 3, "rail"], [1000, 990, 16 / 9, "stack"],
])("%d x %d with a picture of %d keeps the picture large in a %s", (width, height, aspect, layout) => expect(chooseLayout(width, height, aspect)).toBe(layout));
