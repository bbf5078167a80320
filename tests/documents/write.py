"""``scripts/docs``: writes the made parts of all documents anew, and says which have changed."""

from __future__ import annotations

from tests.documents.pages import documents, made_anew, shown


def main() -> None:
    for path in documents():
        text = path.read_text()
        anew = made_anew(text)
        if anew != text:
            path.write_text(anew)
            print(f"wrote {shown(path)}")


if __name__ == "__main__":
    main()
