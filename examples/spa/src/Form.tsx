import { type FormEvent, Fragment, useId, useState } from "react";
import { messagesOf, type Problem } from "./api";

type InputType = "email" | "password" | "textarea";
type Field<Name> = { name: Name; label: string; type?: InputType; autoComplete?: string; value?: string };

interface Props<Name extends string> {
  fields: Field<Name>[];
  button: string;
  /** Send the values; return the problem if the API rejects them. */
  send: (values: Record<Name, string>) => Promise<Problem | undefined | void>;
}

/** A form that shows the errors of a problem document at its fields, and other errors above them. */
export function Form<Name extends string>({ fields, button, send }: Props<Name>) {
  const [messages, setMessages] = useState<Record<string, string>>({});
  const [isBusy, setIsBusy] = useState(false);
  const id = useId();
  const others = Object.entries(messages).filter(([name]) => !fields.some((field) => field.name === name));

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    setIsBusy(true);
    try {
      const problem = await send(Object.fromEntries(new FormData(form)) as Record<Name, string>);
      setMessages(problem ? messagesOf(problem) : {});
      if (!problem) form.reset();
    } catch {
      setMessages({ "": "The server can't be reached. Try again." });
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <form onSubmit={submit} noValidate>
      {others.length > 0 && <p role="alert">{others.map(([, message]) => message).join(" ")}</p>}
      {fields.map(({ name, label, type, autoComplete, value }) => {
        const Input = type === "textarea" ? "textarea" : "input";
        return (
          <Fragment key={name}>
            <label htmlFor={`${id}-${name}`}>{label}</label>
            <Input
              id={`${id}-${name}`} name={name} type={type} autoComplete={autoComplete} defaultValue={value}
              aria-invalid={name in messages} aria-describedby={`${id}-${name}-error`}
            />
            {name in messages && <small id={`${id}-${name}-error`}>{messages[name]}</small>}
          </Fragment>
        );
      })}
      <button disabled={isBusy}>{button}</button>
    </form>
  );
}
