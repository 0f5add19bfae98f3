import { openDialog } from "../store/ui";
import { t } from "../strings";
import { createFileIn } from "./fileActions";

export function Welcome() {
  return (
    <div className="welcome">
      <h2>{t.welcome.title}</h2>
      <p>{t.welcome.text}</p>
      <p className="welcome-actions">
        <button type="button" onClick={() => void createFileIn("")}>
          {t.files.newFile}
        </button>
        <button type="button" onClick={() => openDialog("examples")}>
          {t.examples.title}
        </button>
      </p>
    </div>
  );
}
